"""The commands that an administrator runs at a shell: doctor, audit and reset."""
