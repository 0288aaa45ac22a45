-- Code of the department an account speaks for; empty: for the whole hall.
ALTER TABLE accounts ADD COLUMN department TEXT NOT NULL DEFAULT '';
