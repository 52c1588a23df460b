# Completion of mage in bash; "mage completion bash" printed it.
_im2_mage() {
    local line=${COMP_LINE:0:COMP_POINT} found value
    local word=${line##*[[:space:]]}
    # Bash breaks words at "=" and ":", and inserts only what is behind the last of them.
    local behind=${word##*[=:]}
    local before=${word%"$behind"}
    COMPREPLY=()
    if [[ -f magefiles/completion.go ]]; then
        found=$("$1" completion bash "-line=$line" 2>/dev/null)
    else # another project of Mage's
        found=$("$1" -autocomplete 2>/dev/null)
    fi
    while IFS= read -r value; do
        case $value in
            '') ;;
            :files | :folders)
                local kind=-f
                [[ $value == :folders ]] && kind=-d
                while IFS= read -r value; do COMPREPLY+=("$value"); done < <(compgen "$kind" -- "$behind")
                compopt -o filenames 2>/dev/null
                ;;
            "$word"*)
                COMPREPLY+=("${value#"$before"}")
                [[ $value == *= ]] && compopt -o nospace 2>/dev/null
                ;;
        esac
    done <<<"$found"
}
complete -F _im2_mage mage
