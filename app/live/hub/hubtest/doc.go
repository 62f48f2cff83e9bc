// Package hubtest is the contract suite that every hub.Broker must pass.
package hubtest
