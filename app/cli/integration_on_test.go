//go:build integration

package cli_test

// integration is true if a test must fail when a tool that it needs is missing.
const integration = true
