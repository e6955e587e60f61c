# Called by writ_embed_bytes: writes 0x.., for each byte of the input.
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "(..)" "0x\\1," content "${hex}")
file(WRITE ${OUTPUT} "${content}\n")
