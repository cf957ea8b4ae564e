"""Stand-ins for the services that the add-on talks to: real protocols, strict, never part of the tarball."""
