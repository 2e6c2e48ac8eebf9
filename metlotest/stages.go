package metlotest

import "github.com/metlo-go/metlo/metlotest/internal/backend"

// Stage is a part of a Metlo installation that a test can stop.
type Stage = backend.Stage

// Stages for [Server.Stop].
const (
	// Database is PostgreSQL. While it is stopped the backend's routes answer 500 with "connect ECONNREFUSED
	// 127.0.0.1:5432", except from the cache. The collector answers 401 to every key that it has not accepted in the
	// last 5 s.
	Database Stage = backend.Database
	// Cache is Redis. While it is stopped, GET /summary, GET /agent-config and the collector's /verify do not answer,
	// and logged calls are lost.
	Cache Stage = backend.Cache
	// Analyzer takes logged calls from the queue. While it is stopped, up to 1,000 of them wait, and the rest is
	// dropped.
	Analyzer Stage = backend.Analyzer
	// Queue holds logged calls for the analyzer. While it is stopped the queue is full: the collector answers as usual
	// and drops calls, and the analyzer processes the earlier ones.
	Queue Stage = backend.Queue
	// Jobs are the scheduled jobs. [Server.RunJobs] runs them even while they are stopped.
	Jobs Stage = backend.Jobs
)

// Stop stops stages until [Server.Start].
func (s *Server) Stop(stages ...Stage) { s.backend.Stop(stages...) }

// Start starts stopped stages. The analyzer then processes the calls that waited for it.
func (s *Server) Start(stages ...Stage) { s.backend.Start(stages...) }
