# make check is what has to be green before anything lands.
export CGO_ENABLED ?= 0
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 30s
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

.PHONY: check lint test race test-oracle bench bench-close bench-engine bench-ledger fuzz size run build conformance test-real-clients test-postgres test-crash test-flips

check: lint test race

lint:
	@test -z "$$(gofmt -l .)" || { echo "gofmt -w these files:"; gofmt -l .; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...

test:
	go test ./...

# Rooms that start no goroutine have no races.
ALONE = answer arch arch/archtest template money record
race: # the race detector needs cgo and a C compiler; the product does not. -short leaves out repetition
	CGO_ENABLED=1 go test -race -short $(filter-out $(ALONE:%=summit/%),$(shell go list ./...))

bench:
	go test -run '^$$' -bench . -benchmem ./...

fuzz: # every fuzz target of every package, FUZZTIME each
	@set -e; for p in $$(go list ./...); do \
	  for f in $$(go test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
	    echo "$$p $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$p; \
	  done; done

build:
	go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/summit ./cmd/summit

size: build
	@ls -l bin/summit | awk '{printf "bin/summit: %.1f MiB\n", $$5/1048576}'

run:
	go run ./cmd/summit serve

conformance: build # unmodified public client libraries against Summit; needs Node 20 and the npm registry
	./scripts/conformance.sh bin/summit

test-real-clients: build # unmodified Codex CLI and Claude Code against Summit; 730 MB from the npm registry, so not in .ci/run
	./scripts/real-clients.sh bin/summit

bench-engine: build # our side of docs/performance.md: random weights in the shape of a 0.6B model
	@set -e; mkdir -p bin; for t in Q8_0 Q4_0 Q4_K; do \
	  test -f bin/bench-$$t.gguf || bin/summit weights synth bin/bench-$$t.gguf --shape qwen3-0.6b --type $$t; \
	  echo "== $$t"; bin/summit perf bin/bench-$$t.gguf -p 64,512 -n 64 -t 1,2 -b 1,8; done

test-postgres: # the books on a PostgreSQL server that lives as long as the test
	./scripts/with-postgres.sh go test ./ledger -run Postgres -count 1

LEDGER_TIME ?= 60s
bench-ledger: # what the books can do, see docs/ledger.md; TMPDIR says on which disk
	./scripts/with-postgres.sh env SUMMIT_BENCH_LEDGER=$(LEDGER_TIME) go test ./ledger -run 'Figures|VerifyMillion' -count 1 -v -timeout 2h

CRASHES ?= 200
test-crash: # a process that posts, closes periods and exports is killed CRASHES times
	SUMMIT_TEST_CRASHES=$(CRASHES) go test ./ledger -run Crash -count 1 -v -timeout 1h

FLIPS ?= 20000
test-flips: # single bits of the books' file are flipped: each must be named, refused, or in nothing that is read
	SUMMIT_TEST_FLIPS=$(FLIPS) go test ./ledger -run FlippedFile -count 1 -v -timeout 2h

SETTLEMENTS ?= 2000
test-oracle: build # 100,000 random settlements against an independent computation, and SETTLEMENTS files of all kinds of records against one in Python
	SUMMIT_ORACLE=100000 go test ./alliance -run TestOracle -v -timeout 30m
	python3 scripts/settle-oracle.py bin/summit $(SETTLEMENTS)

bench-close: # a month of a million requests: booked, closed, stated twice, verified; needs about 6 GB in TMPDIR
	SUMMIT_MONTH=1000000 go test ./alliance -run TestMonth -v -timeout 60m
