//go:build !integration

package cli_test

// integration says that what a test needs must be there.
const integration = false
