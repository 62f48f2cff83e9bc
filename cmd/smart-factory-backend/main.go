// Command smart-factory-backend takes telemetry from machines, keeps it, and
// serves it. Its sub-commands are in package cli.
package main

import (
	"context"
	"os"

	"smart-factory-backend/app/cli"
)

func main() {
	os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
