// Package hubtest has the contract suite that every hub.Broker must pass.
package hubtest
