package socketio_test

import (
	"os"
	"testing"

	"smart-factory-backend/app/testkit/leaktest"
)

// TestMain fails if tests leak goroutines.
func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }
