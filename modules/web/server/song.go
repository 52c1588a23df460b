package server

import (
	"net/http"
	"path/filepath"
	"slices"

	"github.com/im2-audio/im2/pipeline/job"
	"github.com/im2-audio/im2/pipeline/place"
)

// songRoutes adds the pages and files of one song.
func (s *Server) songRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /song/{key}", s.songPage)
	mux.HandleFunc("GET /song/{key}/file/{name}", s.songFile)
	mux.HandleFunc("GET /song/{key}/stems.zip", s.songZip)
}

// songView is what the page of a song shows.
type songView struct {
	*song
	// Track is what its track.json says; empty where that cannot be used.
	Track track
	// Lanes are its stems.
	Lanes []lane
	// Peaks says that there is what waveforms are drawn from; songs of earlier versions have none.
	Peaks bool
	// Cover is the name of its picture; "" for none.
	Cover string
	// Facts say how it was made.
	Facts []fact
}

func (s *Server) songPage(w http.ResponseWriter, r *http.Request) {
	one := s.library.find(r.Context(), r.PathValue("key"))
	if one == nil {
		s.notFound(w, r)
		return
	}
	has := func(name string) bool { return place.Exists(filepath.Join(songFolder(s.data, one.Folder), name)) }
	view := songView{song: one, Lanes: lanesOf(s.stemsOf(one)), Peaks: has(job.PeaksFile)}
	if i := slices.IndexFunc(covers, has); i >= 0 {
		view.Cover = covers[i]
	}
	view.Track, _ = readTrack(s.data, one.Folder) // The song says what is wrong with it.
	view.Facts = view.Track.facts()
	s.show(w, http.StatusOK, "song", view)
}
