// Command smart-factory-backend ingests, stores and serves machine telemetry.
// Package cli implements its sub-commands.
package main

import (
	"context"
	"os"

	"smart-factory-backend/app/cli"
)

func main() {
	os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
