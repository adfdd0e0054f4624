"""What the tests that look from outside share: the engine as a process, clients, receivers, peers."""
