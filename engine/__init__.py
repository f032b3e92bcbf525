"""The science of Tomodeck: importable without the dashboard, from Python and from the command line."""
