"""Pure compute, one module per link of the chain: arrays and frames in, values out; no disk, no network, no clock."""
