package hub_test

import (
	"testing"

	"smart-factory-backend/app/live/hub"
	"smart-factory-backend/app/live/hub/hubtest"
)

type memoryNetwork struct{ bus *hub.Bus }

func (m memoryNetwork) Open(*testing.T) hub.Broker { return m.bus.Open() }
func (m memoryNetwork) Disconnect(*testing.T)      { m.bus.Disconnect() }
func (m memoryNetwork) Reconnect(*testing.T)       { m.bus.Reconnect() }

func TestMemoryBroker(t *testing.T) {
	t.Parallel()
	hubtest.Run(t, func(*testing.T) hubtest.Network { return memoryNetwork{hub.NewBus()} })
}
