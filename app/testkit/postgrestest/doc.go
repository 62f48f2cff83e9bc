// Package postgrestest runs PostgreSQL servers for tests. Each server has its files
// in a temporary directory and listens on the loopback interface. Tests may kill,
// restart and freeze it. The package requires an installed PostgreSQL; without
// one, tests fail rather than skip.
package postgrestest
