package alliance

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// maxContracts is the most files of a folder of contracts.
const maxContracts = 10_000

// ReadFiles reads the terms in a file and the contracts in a folder, one YAML
// file each.
func ReadFiles(terms, folder string) (*Alliance, error) {
	t, err := ReadTermsFile(terms)
	if err != nil {
		return nil, err
	}
	all, err := ReadContracts(folder)
	if err != nil {
		return nil, err
	}
	return New(t, all)
}

// ReadTermsFile reads the terms in a file.
func ReadTermsFile(name string) (*Terms, error) {
	text, err := readBounded(name)
	if err != nil {
		return nil, fmt.Errorf("alliance: terms: %w", err)
	}
	t, err := ReadTerms(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// ReadContracts reads all contracts in a folder, or the one in a file. Files
// that end neither in .yaml nor in .yml are left.
func ReadContracts(folder string) ([]*Contract, error) {
	info, err := os.Stat(folder)
	if err != nil {
		return nil, fmt.Errorf("alliance: contracts: %w", err)
	}
	names := []string{folder}
	if info.IsDir() {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return nil, fmt.Errorf("alliance: contracts: %w", err)
		}
		names = nil
		for _, e := range entries {
			if ext := filepath.Ext(e.Name()); e.IsDir() || ext != ".yaml" && ext != ".yml" {
				continue
			}
			if len(names) == maxContracts {
				return nil, fmt.Errorf("alliance: contracts: %s: more than %d files", folder, maxContracts)
			}
			names = append(names, filepath.Join(folder, e.Name()))
		}
	}
	var all []*Contract
	for _, name := range names {
		text, err := readBounded(name)
		if err != nil {
			return nil, fmt.Errorf("alliance: contract: %w", err)
		}
		c, err := ReadContract(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("alliance: contracts: %s: no file that ends in .yaml", folder)
	}
	return all, nil
}

// readBounded reads a small file.
func readBounded(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err == nil && len(text) > maxFileBytes {
		err = fmt.Errorf("%s: more than %d bytes", name, maxFileBytes)
	}
	if len(text) == 0 && err == nil {
		err = errors.New(name + ": the file is empty")
	}
	return text, err
}

// Members returns the members that have a contract, in order.
func (a *Alliance) Members() []string { return a.names }

// Holds reports whether a contract of the member holds at the time.
func (a *Alliance) Holds(member string, at time.Time) bool {
	_, err := a.contract(member, at)
	return err == nil
}

// Contracts returns all contracts, in order of members.
func (a *Alliance) Contracts() []*Contract {
	var all []*Contract
	for _, m := range a.names {
		all = append(all, a.contracts[m]...)
	}
	return all
}
