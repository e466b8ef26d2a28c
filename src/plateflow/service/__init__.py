"""The bridge: execution wired to the runtime, as a runner process or right here."""
