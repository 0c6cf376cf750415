"""The population register: who somebody is, where they live, who their guardians are. See INTERFACE.md."""
