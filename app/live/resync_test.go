package live_test

import (
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/live"
	"smart-factory-backend/app/live/hub/hubtest"
	"smart-factory-backend/app/store/memory"
)

func TestResyncAfterReconnect(t *testing.T) {
	t.Parallel()
	bus := new(hubtest.Bus)
	memory := memory.New(memory.Options{AutoRegister: true})
	a := newHarnessOn(t, memory, func(o *live.Options) { o.Broker = bus.NewBroker() })
	b := newHarnessOn(t, memory, func(o *live.Options) { o.Broker = bus.NewBroker() })
	a.put("m", "v", 1, 1.0)
	remote, local := b.newSubscriber(), a.newSubscriber()
	remote.subscribe("machine:m", "alarms")
	local.subscribe("all")
	waitFor(t, "telemetry from the other process", func() bool {
		n := len(remote.events())
		a.put("m", "v", n+10, float64(n))
		return remote.count("machine:m", "telemetry") > 3
	})
	a.event(factory.EventState, "m", "", 1, `{"state":"running"}`)
	a.event(factory.EventState, "m", "", 2, `{"state":"idle"}`)
	waitFor(t, "the states from the other process", func() bool {
		return strings.Contains(remote.lastData("machine:m", "state"), "idle") && strings.Contains(local.lastData("all", "state"), "idle")
	})
	if n, m := remote.count("machine:m", "state"), local.count("all", "state"); n != 2 || m != 2 {
		t.Errorf("%d and %d state events, want each event once", n, m)
	}

	// While disconnected, each process has only its own readings.
	bus.Disconnect(t)
	a.put("m", "v", 5000, 5.0)
	local.waitForValue("m v", "5000=5")
	snapshots := remote.count("machine:m", "snapshot")
	bus.Reconnect(t)
	remote.waitForValue("m v", "5000=5")
	waitFor(t, "a new snapshot", func() bool { return remote.count("machine:m", "snapshot") > snapshots })
	a.put("m", "v", 5001, 6.0)
	remote.waitForValue("m v", "5001=6")
	// One for the subscription. For each of the two connections, one for the
	// connection and one for the first message of the other process.
	if local.count("all", "snapshot") > 5 {
		t.Errorf("events %q", local.events())
	}
}
