"""From committed rows to every browser. It knows neither AMI nor the mirror nor any domain."""
