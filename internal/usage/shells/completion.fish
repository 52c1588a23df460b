# Completion of mage in fish; "mage completion fish" printed it.
function __im2_mage
    set -l line (commandline --cut-at-cursor --current-process)
    if not test -f magefiles/completion.go # another project of Mage's
        mage -autocomplete 2>/dev/null
        return
    end
    for found in (mage completion fish "-line=$line" 2>/dev/null)
        switch $found
            case ':files' ':folders'
                # What is behind the "=" is the path; fish itself puts the rest before it.
                set -l word (commandline --cut-at-cursor --current-token)
                set -l before (string match --regex '^-[^=]*=' -- $word)
                __fish_complete_path (string replace --regex '^-[^=]*=' '' -- $word) | string replace --regex '^' -- "$before"
            case '*'
                echo $found
        end
    end
end
complete --command mage --erase
complete --command mage --no-files --arguments '(__im2_mage)'
