//go:build !race

package sqlite_test

// killRounds is how many processes are killed on each file.
const killRounds = 20
