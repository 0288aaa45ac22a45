-- Finding a device's tests of its keys and its settings without walking through its journal. They
-- are a few in a thousand records, so the index is small and costs the others nothing.
CREATE INDEX records_about_devices ON records (kind, epoch, seq) WHERE kind IN ('TEST', 'SETTINGS');
