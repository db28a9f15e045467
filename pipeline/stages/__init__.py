"""Pure compute, one folder per link of the chain: arrays and frames in, values out; no disk, no network, no clock."""
