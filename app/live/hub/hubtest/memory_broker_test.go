package hubtest_test

import (
	"testing"

	"smart-factory-backend/app/live/hub/hubtest"
)

func TestMemoryBroker(t *testing.T) {
	t.Parallel()
	hubtest.Run(t, func(*testing.T) hubtest.Network { return new(hubtest.Bus) })
}
