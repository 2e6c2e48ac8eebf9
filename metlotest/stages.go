package metlotest

import "github.com/metlo-go/metlo/metlotest/internal/backend"

// Stage is a part of a Metlo installation that a test can stop.
type Stage = backend.Stage

// The stages that [Server.Stop] stops.
const (
	// Database is PostgreSQL. While it is stopped the backend's routes answer 500 with "connect ECONNREFUSED
	// 127.0.0.1:5432", but for those that are answered from the cache, and the collector answers 401 to every key that it
	// has not accepted in the last 5 s.
	Database Stage = backend.Database
	// Cache is Redis. While it is stopped GET /summary, GET /agent-config and the collector's /verify do not answer at all,
	// and what is logged is lost.
	Cache Stage = backend.Cache
	// Analyzer takes logged calls from the queue. While it is stopped up to 1,000 of them wait, and the rest is dropped.
	Analyzer Stage = backend.Analyzer
	// Queue is the place for calls in the queue. While it is stopped the queue is full: the collector answers as always and
	// drops what is logged, and the analyzer works on what came before.
	Queue Stage = backend.Queue
	// Jobs are the jobs that run by themselves; [Server.RunJobs] runs them all the same.
	Jobs Stage = backend.Jobs
)

// Stop stops stages, as an outage does, until [Server.Start].
func (s *Server) Stop(stages ...Stage) { s.backend.Stop(stages...) }

// Start starts stages that were stopped. The analyzer then works on what waited for it.
func (s *Server) Start(stages ...Stage) { s.backend.Start(stages...) }
