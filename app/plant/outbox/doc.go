// Package outbox tells other systems about alarms: an Alertmanager, which routes and
// silences, and a webhook, which gets each transition.
//
// Both read the journal, so nothing is lost while a receiver or this process is down.
// Only the process that leads sends. A message may be sent more than once, and the
// messages about one alarm are sent in order.
package outbox
