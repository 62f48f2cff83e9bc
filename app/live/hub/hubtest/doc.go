// Package hubtest is the contract suite that every hub.Broker must pass, and a
// Broker for tests that need no Redis.
package hubtest
