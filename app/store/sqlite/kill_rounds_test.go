//go:build !race

package sqlite_test

// killRounds is how many processes are killed per file.
const killRounds = 20
