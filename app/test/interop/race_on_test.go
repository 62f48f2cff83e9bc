//go:build integration && race

package interop_test

// raceFlags build the servers with the race detector if the tests have it.
var raceFlags = []string{"-race"}
