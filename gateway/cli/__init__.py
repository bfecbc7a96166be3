"""The command line `carillon`: what a person needs to begin, over the native API as plain gRPC."""
