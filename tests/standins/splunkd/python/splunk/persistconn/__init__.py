"""splunk.persistconn: what persistent REST handlers are built on."""
