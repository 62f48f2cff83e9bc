//go:build race

package main

// underRace says that the race detector looks on, which makes large amounts of
// data take ten times as long.
const underRace = true
