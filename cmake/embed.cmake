# writ_embed_texts(<output.inc> <files…>): turns text files into one C++ include of {name, text} initialisers.
function(writ_embed_texts output)
  set(script ${PROJECT_SOURCE_DIR}/cmake/embed_texts.cmake)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} "-DINPUTS=${ARGN}" -P ${script}
    DEPENDS ${ARGN} ${script}
    VERBATIM)
endfunction()

# writ_embed_bytes(<output.inc> <file>): turns a file into a C++ include of comma-separated bytes.
function(writ_embed_bytes output input)
  set(script ${PROJECT_SOURCE_DIR}/cmake/embed_bytes.cmake)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DINPUT=${input} -P ${script}
    DEPENDS ${input} ${script}
    VERBATIM)
endfunction()
