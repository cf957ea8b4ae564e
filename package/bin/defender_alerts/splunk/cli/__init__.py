"""The administrator's commands: doctor, audit, reset and sign-in."""
