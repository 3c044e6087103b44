"""What the tiers share: real brokers, real nodes, a real observer."""
