package server

import (
	"log/slog"
	"sync"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/observe/metrics"
	"smart-factory-backend/app/plant/outbox"
)

// newOutbox returns what sends alarms to other systems; nil if none is configured.
func (a *App) newOutbox(store factory.Store) *outbox.Outbox {
	o := outbox.Options{
		Store: store, Alertmanagers: a.config.Alertmanagers(),
		Webhook: a.config.AlarmWebhookURL.Reveal(), Secret: a.config.AlarmWebhookSecret.Reveal(), Now: time.Now,
	}
	if len(o.Alertmanagers) == 0 && o.Webhook == "" {
		return nil
	}
	o.Observe = newDeliveries(a.log, a.metrics).observe
	return outbox.New(o)
}

// deliveries counts the messages to other systems and logs failures once per
// refusalInterval and receiver. It may be used concurrently.
type deliveries struct {
	log   *slog.Logger
	set   *metrics.Set
	mu    sync.Mutex
	state map[string]*deliveryState // by receiver
}

type deliveryState struct {
	failing    bool
	loggedAt   time.Time
	suppressed int
}

func newDeliveries(log *slog.Logger, set *metrics.Set) *deliveries {
	return &deliveries{log: log, set: set, state: map[string]*deliveryState{}}
}

// observe is the Observe of an Outbox.
func (d *deliveries) observe(delivery outbox.Delivery) {
	d.set.Counter("smartfactory_alarm_deliveries_total", "receiver", delivery.Receiver, "result", string(delivery.Result)).Add(delivery.Messages)
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.state[delivery.Receiver]
	if s == nil {
		s = &deliveryState{}
		d.state[delivery.Receiver] = s
	}
	switch delivery.Result {
	case outbox.Sent:
		if s.failing {
			d.log.Info("alarms are delivered again", slog.String(keyReceiver, delivery.Receiver))
		}
		s.failing = false
	case outbox.GivenUp:
		d.log.Error("alarm not delivered, given up", slog.String(keyReceiver, delivery.Receiver),
			slog.String(keyError, delivery.Err.Error()), see("alarm-not-delivered"))
	case outbox.Failed:
		s.failing = true
		if now := time.Now(); now.Sub(s.loggedAt) >= refusalInterval {
			d.log.Warn("alarm not delivered, trying again", slog.String(keyReceiver, delivery.Receiver),
				slog.String(keyError, delivery.Err.Error()), slog.Int(keyRepeated, s.suppressed), see("alarm-not-delivered"))
			s.loggedAt, s.suppressed = now, 0
		} else {
			s.suppressed++
		}
	}
}
