"""The administrator's page of accounts."""
