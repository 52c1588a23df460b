// Package audio is the one table of the kinds of files that are taken as songs. The watcher
// recognizes them by their content with it, and the demucs service tells ffmpeg with it what it
// may take a file for and how it may decode it.
//
// The watcher has no decoder, so it rejects only what is positively something else: a text, a
// picture, an archive, a program, a list of files. What it does not know goes on, and the
// decoder decides.
//
// No demuxer in the table opens other files or the network, as those of playlists, scripts and
// stream descriptions do (hls, dash, concat, sdp, image2 and others). No decoder in it is one for
// pictures: those of a video, or a cover, are not touched.
package audio
