//go:build race

package sqlite_test

// killRounds is how many processes are killed per file. The race detector
// slows them down and cannot report on a killed process, so there are few.
const killRounds = 5
