package nonroot

// The pieces of modules/Dockerfile.template that a fix puts into a Dockerfile; a test
// holds the two together.
const (
	userArg  = "USER_ID"
	groupArg = "GROUP_ID"
	appHome  = "/home/appuser"
	appID    = "1000"
	userLine = "USER ${USER_ID:?USER_ID is empty}:${GROUP_ID:?GROUP_ID is empty}"
	idCheck  = `RUN set -eu; \
    for id in "${USER_ID}" "${GROUP_ID}"; do \
        case "${id}" in ''|*[!0-9]*|0*) echo "USER_ID and GROUP_ID must be whole numbers above 0, got '${id}'" >&2; exit 1;; esac; \
    done; \
`
	// shadowBlock is for bases that have useradd.
	shadowBlock = idCheck + `    groupadd --non-unique --gid "${GROUP_ID}" appgroup; \
    useradd --non-unique --no-log-init --uid "${USER_ID}" --gid "${GROUP_ID}" \
        --create-home --home-dir /home/appuser --shell /usr/sbin/nologin appuser; \
    test "$(id -u appuser):$(id -g appuser)" = "${USER_ID}:${GROUP_ID}"`
	// anyBlock is for bases that may have no useradd, or busybox's tools, which refuse an
	// ID that is taken: there the entries are written as they are.
	anyBlock = idCheck + `    if command -v useradd >/dev/null; then \
        groupadd --non-unique --gid "${GROUP_ID}" appgroup; \
        useradd --non-unique --no-log-init --uid "${USER_ID}" --gid "${GROUP_ID}" \
            --home-dir /home/appuser --shell /sbin/nologin appuser; \
    else \
        echo "appgroup:x:${GROUP_ID}:" >>/etc/group; \
        echo "appuser:x:${USER_ID}:${GROUP_ID}::/home/appuser:/sbin/nologin" >>/etc/passwd; \
    fi; \
    mkdir -p /home/appuser; \
    chown "${USER_ID}:${GROUP_ID}" /home/appuser`
)
