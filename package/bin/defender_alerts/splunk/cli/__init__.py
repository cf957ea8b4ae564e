"""The administrator's commands: doctor, audit and reset."""
