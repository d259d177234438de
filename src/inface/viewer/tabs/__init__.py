"""The tabs of the panel, a module each; every one builds its inputs with `Bindings`."""
