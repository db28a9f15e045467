"""Sentences that the rest of the product says in English, and the page shows in its language.

What belongs here: the sentences, with `{places}`, and what may stand in a place. Not here: recognising them
(`said.py`), saying them (`steps/library_view/history.py`, `curation/review.py`, `curation/waiting.py`,
`stages/published/news.py` and `guard.py`, `stages/images/decode.py`, the steps, the routes), the catalogues
(`language.py`). Each sentence is a key of every catalogue.
"""

WORD, NUMBER, ANYTHING = r"\S+", r"\d[\d,.]*%?", r".+"
# what may stand in a place; in any other place: anything, which is shown as it is
PLACES = {
    "cluster": WORD, "into": WORD, "new": WORD, "to": WORD, "status": r"active|hidden|unusable", "event": r"\d+",
    "images": r"\d[\d,]* (?:image|object)s?", "groups": r"\d[\d,]* clusters?", "came": NUMBER, "went": NUMBER,
    "share": NUMBER, "count": NUMBER, "size": NUMBER, "limit": NUMBER, "width": r"\d+", "height": r"\d+",
    "seconds": NUMBER, "set_aside": r"broken|missing|too_large|not_an_image|no_object", "category": r".+?",
    "news": r"\d[\d,]* .+",
}  # fmt: skip
HISTORY = (
    "named {cluster} “{name}”", "removed the name of {cluster}", "described {cluster}",
    "removed the description of {cluster}", "set {cluster} to {status}", "reviewed {cluster}",
    "merged {clusters} into {into}", "split {images} off {cluster} as “{name}” {new}",
    "split {images} off {cluster} as {new}", "made {images} a cluster of their own, “{name}” {new}",
    "made {images} a cluster of their own, {new}", "moved {images} from {clusters} to {to}", "moved {images} to {to}",
    "moved {images} from {clusters} to unclustered", "moved {images} to unclustered",
    "chose a representative of {cluster}", "cleared the chosen representative of {cluster}", "tagged {images} “{tag}”",
    "removed the tag “{tag}” from {images}", "excluded {images} of {clusters}", "excluded {images}",
    "took back {images}", "noted on {cluster}: {note}", "rated that two images belong together",
    "rated that two images do not belong together", "undid event {event}",
    "set the granularity back to that of the settings", "set the granularity to {value}",
    "set the encoder back to that of the settings", "set the encoder to {value}", "removed the view “{name}”",
    "saved the view “{name}”", "said that the box at {place} is wrong, of {clusters}",
    "said that the box at {place} is wrong", "drew a box “{label}” at {place}", "drew a box at {place}",
    "marked {images} as not duplicates",
)  # fmt: skip
WAITS = (
    "{what}: cluster {cluster} is not there; of its images {places} now", "{what}: cluster {cluster} is not there",
    "the name “{name}”", "the description", "the status {status}", "the chosen representative",
    "the chosen representative {image} is not in {cluster} now",
    "none of the {count} images that were split off is there", "none of the {count} images of the new cluster is there",
    "the merge into {into}: nothing else is not there", "the merge into {into}: {clusters} is not there",
    "none of the {count} moved images is there", "{count} images were moved to cluster {to}, which is not there",
)  # fmt: skip
REVIEWS = (
    "{name} took in what had names of its own: {names}",
    "{name} was split: a part of it became a cluster of its own", "was split off {names}", "is new, with {images}",
    "a decision waits: {reason}", "was not found any more by the clustering",
    "{came} images came and {went} went since it was reviewed ({share})",
)  # fmt: skip
RUNS = (
    "categories", "clustering", "comparing", "cluster", "compare", "boxes", "detect", "embed", "read", "export",
    "embed {category}", "read {category}", "download {category}", "tune {category}", "Reducing with UMAP …",
    "Loading detector {name} …", "Another run holds category {category}; waiting for it …", "Publishing to {place} …",
    "Loading encoder {name} (longest the first time on a machine: it is converted once) …",
)  # fmt: skip
# files that were set aside, and why
REASONS = (
    "{set_aside}: {reason}",
    "The object is empty (0 bytes).", "{size} MB is more than max_megabytes = {limit}.", "This is {what}.",
    "The {kind} header is damaged or cut off: {error}.", "The {kind} data is damaged or cut off: {error}.",
    "No memory to open this {kind} file.", "No memory to decode {width} x {height} pixels.", "The object is gone.",
    "{width} x {height} = {size} megapixels is more than max_megapixels = {limit}.",
    "{name} returned no usable vector for it.", "Its decoder crashed ({error}).",
    "Its decoder did not end within {seconds} s (images.decode_seconds).",
    (
        "{came} bytes came where {count} were listed, and they are no usable image ({reason}). "
        "The next run reads it again."
    ),
    "it was changed while it was read; the next run looks at it again", "There is no {key} in {place} any more.",
    "{key} in {place} cannot be read: {error}.", "no object found",
    "no object found: 1 box was refused, the first because {reason}",
    "no object found: {count} boxes were refused, the first because {reason}",
    "a camera's RAW file: develop it to JPEG, TIFF or HEIC, or let the camera store a JPEG beside it",
    "a PDF document", "a PostScript file", "a Photoshop file", "a ZIP archive or office document",
    "gzip-compressed data", "a JPEG XL image, which is not supported: convert it to JPEG, PNG or WebP", "text",
    "data of an unknown kind, beginning {bytes}", "markup (HTML, XML or SVG), not a bitmap",
    "a video or another container of media",
)  # fmt: skip
# why a result waits for approval
GUARD = (
    "the clusters would fall from {came} to {went}, by more than {limit}",
    "the clusters would grow from {came} to {went}, to more than {limit} times as many for as many images",
    "the unclustered share would grow from {came} to {went}, to more than {limit} times as much",
    "1 named cluster would vanish: {names}", "{count} named clusters would vanish: {names}",
    "a person rolled {category} back from {old} to {new} at {when}",
)  # fmt: skip
# what the service refuses of what the page can ask
PROBLEMS = (
    "There is no cluster {given} among {count}. The nearest: {names}.", "There is no image {given}.",
    "There is no cluster {given}.", "There is no image {given}. The nearest: {names}.",
    "{count} of {came} images are not in {category}, for example {key}. Nothing was decided.",
    "{count} of {came} images are not in {category}, for example {key}. The nearest is {image}. Nothing was decided.",
    "{image} is not in cluster {cluster}, so it cannot represent it.",
    "A merge joins at least two clusters; these are all {cluster} already.",
    "These {count} images are the cluster {cluster} already. To name it, rename it.",
    "{count} of the {came} images are not in {cluster}, for example {key}. Move them there first.",
    "These are all {count} images of {cluster}; a split must leave at least one.",
    "There is no event {event} to undo; the last one is {count}.",
    "Event {event} is already undone. To restore it, undo its undo.",
    "Internal error. The log of `image-cluster serve` has the details; please report it.",
    "Nothing is embedded yet. Run `image-cluster run` first.",
    "Too many pictures are being decoded. Try again in a moment.",
    "This cannot be used as a query: {reason}", "The original {key} cannot be used as a query: {reason}",
    "The image was embedded with another encoder. Run again first.",
    "The words take each other away: nothing is left to look for.",
    "The image {image} has no vector: it was set aside as {set_aside}.",
    "The image {image} has no vector: it is not embedded yet; run again.",
    "The run {run} has ended already: {state}.", "Wrong token. It was set where the service was started.",
    "{category} was never published. Run it first.",
    "The images of {category} lie in no folders of their own, so there is nothing to adopt.",
    (
        "{file} names {images}, and none of them is in {category}: for example {key}, and a key here is {example}. "
        "Nothing was decided."
    ),
    "No XMP sidecar of those sent is of an image of {category}: {example}. Nothing was decided.",
    "Send the CSV file as `files`.", "Send the sidecars as `files`.",
    "{count} files were sent; an import reads one CSV file.",
    (
        "{file} needs a column for the image ({columns}) and one for its cluster ({names}) or its tags ({tags}); "
        "it has {header}."
    ),
    "Nothing was decided: the name {name}: {problem}.", "Nothing was decided: the tag {name}: {problem}.",
    "The folder {folder} cannot be opened: {problem}.",
    "{folder} is no folder that can be chosen here. It must lie below: {places}.",
    (
        "There is no index that this can be compared with: nothing is embedded yet, or with another encoder. "
        "Run `image-cluster run` first."
    ),
    "The image {image} was set aside as {set_aside}, so it is not served.",
    "The image {image} was set aside as {set_aside}, so it has no regions.",
    "The original has {size} MB; service.max_original_megabytes is {limit}.",
    "The object {key} is no longer the image that was read. Run its category again.",
    (
        "The encoder {spec} is not here. Here are: {names}. To bring another one, compare it once on the command "
        "line: {command}"
    ),
    "{spec} is in force. Choose another encoder to compare it with.",
    "The encoder {spec} is still loading. Try again soon.",
    "The encoder did not load. Try again.",
    "The encoder did not load: {error}.",
    (
        "The encoder {spec} sees pictures only. Search by text takes one that reads too, such as {encoder}: set "
        "encoder.spec and run again."
    ),
    "Category {category} has {count} different images; from {limit} on there is something to compare.",
    "Category {category} has {count} different images; from {limit} on there is a granularity to choose.",
    "None of the {count} files can be used. {name}: {reason}",
    "{count} files; service.max_upload_files is {limit}.",
    "The request body is too large. The limits are in the settings, section service.",
    (
        "{name} with the address {place} is no view of this page: the address is what follows the category, such as "
        "find?tag=wet."
    ),
    "There is no view {given}.",
    "There is no view {given}. The nearest: {names}.",
    "This service was started with --read-only: nothing can be changed here.",
    "There are no decisions yet, and this service is read-only.",
    (
        "Cluster {cluster} was changed since you saw it (revision {was}, now {now}), so nothing was stored. Look at "
        "it again, then decide."
    ),
    (
        "{category} was published {count} times, so there are not two results to compare yet. Each run that changes "
        "something publishes one."
    ),
    "The disk is full: no space. Free some, then try again.",
    "The disk is full: no space for {place}. Free some, then try again.",
)  # fmt: skip
# headlines of what was published; the page alone shows them
NEWS = (
    "{category} is published for the first time: {count} of {images} are in {groups}.",
    "{category} is published for the first time: {count} of {images} are in {groups}; {news}.",
    "Nothing changed in {category}: {groups} as before.", "Nothing changed in {category}: {groups} as before; {news}.",
    "In {category}, {news}.",
)  # fmt: skip
# what happened, each after a number of images or clusters
CLAUSES = {
    "came": "{what} came", "left": "{what} left", "moved": "{what} moved", "grew": "{what} grew",
    "shrank": "{what} shrank", "was born": "{what} born", "were born": "{what} born", "merged": "{what} merged",
    "came from a split": "{what} came from a split", "died": "{what} died", "came back": "{what} came back",
    "got a name": "{what} got a name", "got another name": "{what} got another name",
    "was kept": "{what} kept", "were kept": "{what} kept", "asks to be reviewed": "{what} to be reviewed",
    "ask to be reviewed": "{what} to be reviewed",
}  # fmt: skip
SAID = (*HISTORY, *WAITS, *REVIEWS, *RUNS, *REASONS, *GUARD, *PROBLEMS)
