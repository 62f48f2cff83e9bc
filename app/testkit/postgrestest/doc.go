// Package postgrestest runs PostgreSQL servers for tests: each has its files in
// a temporary directory, listens on the loopback interface, and may be killed,
// started again, and frozen. It needs an installed server, and never skips
// where there is none.
package postgrestest
