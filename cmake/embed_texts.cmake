# Called by writ_embed_texts: writes {"name", R"writ(text)writ"}, for each input file.
set(content "")
foreach(input IN LISTS INPUTS)
  get_filename_component(name ${input} NAME_WE)
  file(READ ${input} text)
  string(APPEND content "{\"${name}\", R\"writ(${text})writ\"},\n")
endforeach()
file(WRITE ${OUTPUT} "${content}")
