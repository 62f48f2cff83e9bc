package hub_test

import (
	"testing"

	"smart-factory-backend/app/live/hub"
	"smart-factory-backend/app/live/hub/hubtest"
)

type memory struct{ bus *hub.Bus }

func (m memory) Open(*testing.T) hub.Broker { return m.bus.Open() }
func (m memory) Cut(*testing.T)             { m.bus.Cut() }
func (m memory) Mend(*testing.T)            { m.bus.Mend() }

func TestMemory(t *testing.T) {
	t.Parallel()
	hubtest.Run(t, func(*testing.T) hubtest.Network { return memory{hub.NewBus()} })
}
