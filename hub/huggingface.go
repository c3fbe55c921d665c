package hub

import (
	"context"
	"fmt"
	"net/url"
)

// Source: the Hub's API as its Python client speaks it (list_repo_tree,
// hf_hub_url), from general knowledge.
func init() {
	register(kind{
		name: "huggingface", endpoint: "https://huggingface.co", revision: "main",
		list: listHuggingFace,
		file: func(h *Hub, repo, revision, name string) *url.URL {
			return h.url(repo, "resolve", url.PathEscape(revision), escaped(name))
		},
	})
}

func listHuggingFace(ctx context.Context, h *Hub, repo, revision string) ([]File, error) {
	u := h.url("api/models", repo, "tree", url.PathEscape(revision))
	u.RawQuery = "recursive=true"
	var files []File
	for range maxPages {
		var page []struct {
			Type string `json:"type"`
			OID  string `json:"oid"`
			Path string `json:"path"`
			Size int64  `json:"size"`
			LFS  *struct {
				OID  string `json:"oid"`
				Size int64  `json:"size"`
			} `json:"lfs"`
		}
		next, err := h.getJSON(ctx, u, &page)
		if err != nil {
			return nil, err
		}
		for _, e := range page {
			if e.Type != "file" {
				continue
			}
			f := File{Name: e.Path, Bytes: e.Size, GitSHA1: e.OID}
			if e.LFS != nil {
				f.Bytes, f.SHA256, f.GitSHA1 = e.LFS.Size, e.LFS.OID, "" // the git object is only a pointer
			}
			files = append(files, f)
		}
		if len(files) > maxFiles {
			return nil, fmt.Errorf("more than %d files", maxFiles)
		}
		if next == nil {
			return files, nil
		}
		u = next
	}
	return nil, fmt.Errorf("the list of files has more than %d pages", maxPages)
}
