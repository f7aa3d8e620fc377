-- What a receiver was told since a time, and what may have arrived unseen.
ALTER TABLE deliveries ADD COLUMN uncertain INTEGER NOT NULL DEFAULT 0;
CREATE INDEX deliveries_sent ON deliveries (receiver, not_before) WHERE state = 'sent';
